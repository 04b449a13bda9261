# Ceres::ceres as one static library without what the fits do not use. They solve with dense QR, which is Eigen alone,
# but Debian's libceres.a can also take sparse matrices, LAPACK and glog: never_called.c and glog_stand_in.cpp answer
# for these, so that a wheel needs libstdc++ alone. Where there is no libceres.a, or it is another Ceres, the shared
# library is linked.
find_package(Ceres REQUIRED)
find_library(CERES_STATIC NAMES libceres.a)
option(CROSSLAW_STATIC_CERES "Put Ceres into the module" ON)
if(NOT CROSSLAW_STATIC_CERES OR NOT CERES_STATIC OR NOT Ceres_VERSION VERSION_EQUAL 2.1.0)
  message(STATUS "crosslaw: Ceres ${Ceres_VERSION} is linked as it is; the wheel needs it where it runs")
  return()
endif()
add_library(crosslaw_never_called STATIC ${stand_ins})
set_target_properties(crosslaw_never_called PROPERTIES UNITY_BUILD OFF)
get_target_property(ceres_includes Ceres::ceres INTERFACE_INCLUDE_DIRECTORIES)
set_target_properties(Ceres::ceres PROPERTIES IMPORTED_GLOBAL ON)
foreach(config IN ITEMS "" _RELEASE _NONE _RELWITHDEBINFO _DEBUG)
  set_target_properties(Ceres::ceres PROPERTIES IMPORTED_LOCATION${config} ${CERES_STATIC}
    IMPORTED_LINK_INTERFACE_LANGUAGES${config} CXX)
endforeach()
set_target_properties(Ceres::ceres PROPERTIES INTERFACE_LINK_LIBRARIES crosslaw_never_called)
