culvert_fuzz(zds_agent SOURCES zds_agent_fuzz.cpp USES host)
