"""What the screens show, without a terminal: tested without one too."""
