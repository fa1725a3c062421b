"""Many photos at once: files and folders in, one GeoPackage out, resumable at any moment."""
