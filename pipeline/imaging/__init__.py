"""Images of people -> data sets that may be shared, and the share of fat in a liver."""
