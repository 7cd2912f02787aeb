if(TARGET culvert_options)
  culvert_fuzz(options SOURCES options_fuzz.cpp USES options)
endif()
