culvert_fuzz(authority_delta SOURCES authority_delta_fuzz.cpp USES authority)
