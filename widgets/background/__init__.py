"""What runs next to the kernel's main thread: jobs, training, reading photos, fitting maps."""
