culvert_fuzz(local_yaml SOURCES local_yaml_fuzz.cpp USES control_local)
