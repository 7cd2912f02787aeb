if(TARGET culvert_dns)
  culvert_fuzz(dns_query SOURCES dns_query_fuzz.cpp USES dns)
endif()
