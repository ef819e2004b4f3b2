"""Numbers about a study that are no step of the method: votes, pairs, rankings, maps, oddities."""
