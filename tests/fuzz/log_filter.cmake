culvert_fuzz(log_filter SOURCES log_filter_fuzz.cpp USES base)
