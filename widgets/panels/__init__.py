"""Parts of an explorer: controls, views and how they follow the state."""
