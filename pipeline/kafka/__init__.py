"""Kafka: connections, reading a range of records, writing with every acknowledgement checked."""
