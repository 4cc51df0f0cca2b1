"""What a command shows: plans and results, how far a run is, its last lines, and the HTML report."""
