"""Tables and figures of the papers, run as grids of ordinary runs."""
