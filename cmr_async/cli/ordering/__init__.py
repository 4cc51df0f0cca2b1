"""What the commands that order share: their options, the file of orders, checks, limits and the run itself."""
