"""What tests share: clips, commands, filled stores, stand-in servers."""
