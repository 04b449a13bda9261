// A nest without torch. Its attempts do what their "config" says: exit N, crash, or wait for
// CONFIG.end.
#include <sched.h>
#include <unistd.h>

#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <string>

#include "trainer/recipe/nest.h"

namespace {

int obey(const std::filesystem::path& config) {
  std::ifstream input(config);
  std::string word;
  int code = 0;
  input >> word >> code;
  std::cout << "doing " << word << std::endl;
  if (word == "crash") std::abort();
  if (word == "processor") std::cout << sched_getcpu() << std::endl;
  while (word == "wait" && !std::filesystem::exists(config.string() + ".end")) usleep(2000);
  return code;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 3) return obey(argv[1]);
  crosslaw::trainer::serve_nest(STDIN_FILENO, {argv[0], argv[2] + std::strlen(argv[2]) + 1}, obey);
  return 0;
}
