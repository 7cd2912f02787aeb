if(TARGET culvert_hbone)
  culvert_fuzz(hbone_metadata SOURCES hbone_metadata_fuzz.cpp USES hbone)
endif()
