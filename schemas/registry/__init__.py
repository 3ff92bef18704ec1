"""A registry of schemas that speaks Confluent's API: Confluent's own, Apicurio's ``ccompat``, Karapace, Redpanda."""

from schemas.registry.options import RegistryOptions

__all__ = ["RegistryOptions"]
