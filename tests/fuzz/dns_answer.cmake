if(TARGET culvert_dns)
  culvert_fuzz(dns_answer SOURCES dns_answer_fuzz.cpp USES dns)
endif()
