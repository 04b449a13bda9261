#include <algorithm>
#include <filesystem>
#include <fstream>
#include <stdexcept>

#include "tests/fit/fuzz/target.h"

namespace {

constexpr int kRows = 12;  // of each published table

std::string first_rows(const std::filesystem::path& path) {
  std::ifstream file(path);
  std::string out, line;
  for (int row = 0; row <= kRows && std::getline(file, line); ++row) out += line + "\n";
  return out;
}

}  // namespace

std::vector<std::string> seeds(const std::string& data_folder) {
  std::vector<std::filesystem::path> files;
  for (const auto& entry : std::filesystem::directory_iterator(data_folder + "/scaling")) {
    if (entry.path().extension() == ".csv") files.push_back(entry.path());
  }
  if (files.empty()) throw std::runtime_error(data_folder + ": there are no seeds");
  std::sort(files.begin(), files.end());
  std::vector<std::string> out;
  for (const auto& file : files) out.push_back("N|D|loss\n" + first_rows(file));
  const std::string all = "a+b|D|loss|w|run+seed|how|U|C|";
  const std::string header = "a,b,D,loss,w,run,seed,how,U,C\n";
  const std::string rows =
      "1e8,2e7,2e9,3.5,1,x,1,scratch,1e9,1e18\n2e8,2e7,4e9,3.25,2,y,1,continued,4e9,5e18\n";
  out.push_back(all + "D>1e9|w!=3|run=x\n" + header + rows);
  out.push_back("N|D|loss|||||\n\xef\xbb\xbfN;D;loss\r\n1;2;3\r\n\r\n+4;5e3; 6 \r\n");
  out.push_back("N|D|loss\nN\tD\tloss\tname\n1\t2\t3\t\"a \"\"b\"\"\nc\"\n4\t5\t6\tplain\n");
  out.push_back("N|D|loss\n  N  D loss\n 1  2 3\n4 5   6  \n");
  out.push_back(
      "N|D|loss||||||loss<=3|N>=1\n{\"N\":1,\"D\":2e9,\"loss\":3}\n"
      "{\"loss\":\"2.5\",\"N\":18446744073709551616,\"D\":4,\"x\":null}\n");
  out.push_back("N|D|loss|||how|||\n[{\"N\":1,\"D\":2,\"loss\":3,\"how\":\"cpt\"}]");
  out.push_back("N|D|loss|||||loss<2.9|loss=nan\nN|D|loss\n1|2|nan\n3|4|2.5\n");
  return out;
}
