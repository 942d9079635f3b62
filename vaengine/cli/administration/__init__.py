"""Commands that look after the installation and the store: settings, models, checks, upkeep."""
