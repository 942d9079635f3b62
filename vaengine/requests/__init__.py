"""What a person asks for: inputs, options, batch files, store, checkpoint."""
