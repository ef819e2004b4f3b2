"""One question a file; each prints its answer, figures of one run, ratios where time is meant."""
