"""The way of the data, one direction: extract, parcel, custody, load, reconcile, erase. The world only through a Protocol."""
