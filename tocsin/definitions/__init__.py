"""What people define: the models, and where they are kept with every version."""
