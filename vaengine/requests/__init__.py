"""What a run was asked to do: inputs, options, batch file, store, checkpoint."""
