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

// Tables as people have them.
constexpr const char* kShapes[] = {
    "||||||||!drop|!best=N,D\nParams (M),Tokens (B),val_loss\n53,1.06,3.5\n1.3B,26,2.9\n125,nan,\n",
    "||||||||!mean=lr\nsep=;\nn_params;tokens_b;perplexity;lr\n7,5M;1,5;33,1;0,1\n1.250.000;2;20,5;"
    "0,1\n",
    "||\n# N D loss\n1e8 2e9 3.5\n# between\n2e8 4e9 3.25\n",
    "||||||||!loss=bits|!params=1|!tokens=per-param\n| size | D/N | loss |\n|:--|--:|---|\n"
    "| 53.3M | 20 | **3.5** |\n| 1,238,144 | 10 | 3.75 |\n| Mean | 15 | 3.6 |\n",
    "||||||||!flops=PFLOPs\nN,flops,loss,\n1e8,1200,3.5,\nN,flops,loss,\n2e8,4800,3.25,\n,,,\n",
    "||\n{\"N\":{\"0\":1e8,\"1\":2e8},\"D\":{\"0\":2e9,\"1\":4e9},\"loss\":{\"0\":3.5,\"1\":NaN}}",
    "||||||||!drop\n{\"columns\":[\"N\",\"D\",\"loss\"],\"data\":[[1e8,2e9,3.5],[2e8,4e9,Infinity]]"
    "}",
    "||\n{\"a\":{\"config\":{\"n_params\":{\"value\":1e8}},\"tokens\":2e9,\"loss\":3.5},"
    "\"b\":{\"config\":{\"n_params\":{\"value\":2e8}},\"tokens\":4e9,\"loss\":3.25}}",
    "||\n{\"N\":[1e8,2e8],\"D\":[2e9,4e9],\"loss\":[3.5,3.25]}",
    "||\n[[\"N\",\"D\",\"loss\"],[1e8,2e9,3.5],[2e8,4e9,3.25]]",
    "||\n\"tokens\",\"a-125M - loss\",\"a-125M - loss__MIN\",\"b-1.3B - loss\",\"b-1.3B - "
    "loss__MAX\"\n"
    "1e9,4.5,4.4,4,3.9\n2e9,3.5,3.4,,\n",
    "||\nstrategy,language,stage,params_embedding,params_unembedding,params_blocks,params_norms,"
    "tokens_target,loss_nats,end_of_schedule,run\nscratch,fr,scratch,1e6,0,9e7,1e4,2e9,3.25,1,a1\n"
    "cpt,fr,continued,1e6,0,9e7,1e4,2e9,3,1,b1\n",
};

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
  for (const char* shape : kShapes) out.emplace_back(shape);
  return out;
}
