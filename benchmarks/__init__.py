"""How fast this machine does the work, beside a simple way and the physical limit."""
