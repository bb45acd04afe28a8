"""One file per resource family: only what differs from derivation. Most resource types need no file."""
