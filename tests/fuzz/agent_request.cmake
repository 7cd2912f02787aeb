culvert_fuzz(agent_request SOURCES agent_request_fuzz.cpp USES host)
