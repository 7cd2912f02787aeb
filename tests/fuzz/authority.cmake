culvert_fuzz(authority SOURCES authority_fuzz.cpp USES state)
