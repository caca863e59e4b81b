"""The one seam, `targets.base.Target`, and its implementations. The only room that opens devices or reads clocks."""
