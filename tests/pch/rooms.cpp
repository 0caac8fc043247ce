// A precompiled header needs a target; this is its only file.
