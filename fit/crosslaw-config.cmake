# find_package(crosslaw) gives the target crosslaw::fit.
include(CMakeFindDependencyMacro)
find_dependency(Threads)
find_dependency(fmt)
find_dependency(nlohmann_json)
find_dependency(Eigen3)
find_dependency(Ceres)
include(${CMAKE_CURRENT_LIST_DIR}/crosslaw-targets.cmake)
