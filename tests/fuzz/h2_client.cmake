culvert_fuzz(h2_client SOURCES h2_client_fuzz.cpp USES h2)
