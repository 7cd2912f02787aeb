"""What the integration, interoperability and benchmark programs share: namespaces, processes, a
whole mesh of the real binaries, and traffic. Python's standard library only."""
