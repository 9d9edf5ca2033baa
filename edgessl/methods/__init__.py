"""Self-supervised methods: views to a loss; each owns its teacher, queue, centre, prototypes."""
