"""Real servers on this machine for the demo and the tests: Kafka and Flink from pinned jars, Prism, workers."""
