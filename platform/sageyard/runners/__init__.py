"""How work is executed: one module per runner behind one contract."""
