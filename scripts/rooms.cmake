# A room is a folder with a library of its own. Its link line names the rooms it stands on;
# scripts/check_layers.py holds its includes to the same order.

# crosslaw_room(NAME SOURCES files... [HEADERS files...] [USES targets...] [PRIVATE targets...])
# HEADERS: what an installed copy of the fitting library shows. USES is what the room's headers need,
# PRIVATE what its sources need besides.
function(crosslaw_room name)
  cmake_parse_arguments(ROOM "" "" "SOURCES;HEADERS;USES;PRIVATE" ${ARGN})
  add_library(crosslaw_${name} STATIC ${ROOM_SOURCES})
  target_link_libraries(crosslaw_${name} PUBLIC crosslaw_options ${ROOM_USES} PRIVATE ${ROOM_PRIVATE})
  if(ROOM_HEADERS)
    file(RELATIVE_PATH folder ${PROJECT_SOURCE_DIR} ${CMAKE_CURRENT_SOURCE_DIR})
    install(FILES ${ROOM_HEADERS} DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}/crosslaw/${folder})
  endif()
endfunction()

# crosslaw_test(NAME [ARITHMETIC] SOURCES files... LINK targets...): one program of Catch2 tests, run from the root.
# A filter that matches no test is a failure. ARITHMETIC: simulations and solvers on numbers of our own. They are left
# out under sanitizers, where they took ten minutes to read the same arrays again; their bounds are checked
# by the library's assertions in every developer's build (CROSSLAW_WERROR).
function(crosslaw_test name)
  cmake_parse_arguments(TEST "ARITHMETIC" "" "SOURCES;LINK" ${ARGN})
  if(TEST_ARITHMETIC AND (CROSSLAW_SANITIZE OR CROSSLAW_SANITIZE_THREADS))
    return()
  endif()
  add_executable(tests_${name} ${TEST_SOURCES} $<TARGET_OBJECTS:crosslaw_test_main>)
  # Eight at once: more, and a single program would keep one core busy while the others wait.
  set_target_properties(tests_${name} PROPERTIES UNITY_BUILD_BATCH_SIZE 8)
  target_link_libraries(tests_${name} PRIVATE crosslaw_test_support ${TEST_LINK})
  # What is tested keeps the flags of its preset; the checks themselves are half of a build, and need no optimiser.
  target_compile_options(tests_${name} PRIVATE $<$<CONFIG:Release>:-O1> $<$<CONFIG:Debug>:-O0>)
  # A program that runs no test fails: by itself in Catch2 version 3, when asked in version 2.
  set(no_tests_fails $<$<VERSION_LESS:${Catch2_VERSION},3>:-w$<SEMICOLON>NoTests>)
  add_test(NAME ${name} COMMAND tests_${name} ${no_tests_fails} COMMAND_EXPAND_LISTS WORKING_DIRECTORY ${PROJECT_SOURCE_DIR})
endfunction()

# crosslaw_script_test(NAME [HOSTILE] SCRIPT ARGUMENTS...): a Python script that drives whole programs. HOSTILE: it feeds
# them damaged or foreign input, which is worth a run under sanitizers too.
function(crosslaw_script_test name)
  cmake_parse_arguments(TEST "HOSTILE" "" "" ${ARGN})
  if(CROSSLAW_SANITIZE AND NOT TEST_HOSTILE)
    return()
  endif()
  list(POP_FRONT TEST_UNPARSED_ARGUMENTS script)
  add_test(NAME ${name} COMMAND ${Python3_EXECUTABLE} ${script} ${TEST_UNPARSED_ARGUMENTS} WORKING_DIRECTORY ${PROJECT_SOURCE_DIR})
  # The long ones start first, so that none of them runs on alone at the end.
  set_tests_properties(${name} PROPERTIES TIMEOUT 1800 COST 100)
endfunction()

# crosslaw_program(NAME SOURCES...): an executable whose version.cpp includes crosslaw_build.h. No unity: only
# that file is compiled again after a commit.
function(crosslaw_program name)
  add_executable(${name} ${ARGN})
  add_dependencies(${name} crosslaw_build_header)
  target_include_directories(${name} PRIVATE ${PROJECT_BINARY_DIR}/generated)
  set_target_properties(${name} PROPERTIES UNITY_BUILD OFF INSTALL_RPATH_USE_LINK_PATH ON)
  install(TARGETS ${name} RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})
endfunction()
