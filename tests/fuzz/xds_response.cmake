culvert_fuzz(xds_response SOURCES xds_response_fuzz.cpp USES control_xds)
