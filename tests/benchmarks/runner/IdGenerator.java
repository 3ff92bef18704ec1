package org.apache.beam.sdk.fn;

public interface IdGenerator {
  String getId();
}
