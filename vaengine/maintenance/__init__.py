"""Migration, upgrades, pruning, erasure and cleanup of stores and result folders."""
