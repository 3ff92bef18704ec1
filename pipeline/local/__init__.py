"""A real Kafka broker on this machine, from pinned jars, for the demo and the tests."""
