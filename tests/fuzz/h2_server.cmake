culvert_fuzz(h2_server SOURCES h2_server_fuzz.cpp USES h2)
