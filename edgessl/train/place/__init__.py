"""Where a run happens: its folder, images, engine and processes."""
