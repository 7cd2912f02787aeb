culvert_fuzz(zds_session SOURCES zds_session_fuzz.cpp USES control_zds)
