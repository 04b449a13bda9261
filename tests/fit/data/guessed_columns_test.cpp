
#include "fit/data/data_file.h"
#include "tests/support/catch.h"

using namespace crosslaw::fit;

namespace {

DataFile read(const char* text, DataFileOptions options = {}) {
  options.path = "f.csv";
  return parse_data(text, options);
}

}  // namespace

TEST_CASE("What is taken is said in one line, and nothing where the usual columns are there") {
  const DataFile usual = read("N,D,loss\n1e8,2e9,3\n");
  CHECK(usual.notes.empty());
  CHECK(usual.used.params == "N");
  const DataFile file = read("name,Num_Params,tokens,val_loss,train_loss\na,1e8,2e9,3,2.9\n");
  CHECK(file.used.params == "Num_Params");
  CHECK(file.used.tokens == "tokens");
  CHECK(file.used.loss == "val_loss");
  REQUIRE(file.notes.size() == 1);
  CHECK_THAT(file.notes[0], has_text("N = 'Num_Params'") && has_text("D = 'tokens'") &&
                                has_text("also there: train_loss"));
}

TEST_CASE("Columns that are named are not guessed") {
  DataFileOptions options;
  options.loss = "train_loss";
  const DataFile file = read("N,D,val_loss,train_loss\n1e8,2e9,3,2.9\n", options);
  CHECK(file.points[0].loss == 2.9);
  CHECK(file.notes.empty());
}

TEST_CASE("Compute without tokens gives them, and so do tokens a parameter") {
  const DataFile file = read("N,flops,loss\n1e8,1.2e18,3\n");
  CHECK(file.points[0].tokens == Approx(2e9));
  CHECK(file.points[0].flops == Approx(1.2e18));
  CHECK_THAT(file.notes[0], has_text("D = C/(6N) with C = 'flops'"));
  CHECK(read("N,tokens_per_param,loss\n1e8,20,3\n").points[0].tokens == 2e9);
}

TEST_CASE("What cannot be guessed is refused with what is there and the flag") {
  CHECK_THROWS_WITH(read("M,D,loss\n1e8,2e9,3\n"), has_text("number of parameters") &&
                                                       has_text("M, D, loss") &&
                                                       has_text("--params COLUMN"));
  CHECK_THROWS_WITH(read("N,x,loss\n1e8,2e9,3\n"), has_text("--tokens COLUMN"));
  CHECK_THROWS_WITH(read("N,D,y\n1e8,2e9,3\n"), has_text("--loss COLUMN"));
  DataFileOptions options;
  options.loss = "los";
  CHECK_THROWS_WITH(read("N,D,loss\n1e8,2e9,3\n", options), has_text("did you mean 'loss'"));
}

TEST_CASE("An export of a sweep gives one language at the ends of its runs, with stages") {
  const char* text =
      "strategy,language,stage,params_embedding,params_unembedding,params_blocks,params_norms,"
      "tokens_target,tokens_source,tokens_total,flops,loss_nats,end_of_schedule,run\n"
      "source,en,scratch,1e6,0,9e7,1e4,2e9,0,2e9,1e18,3,1,s1\n"
      "scratch,fr,scratch,1e6,0,9e7,1e4,1e9,0,1e9,1e18,3.5,0,a1\n"
      "scratch,fr,scratch,1e6,0,9e7,1e4,2e9,0,2e9,1e18,3.25,1,a1\n"
      "cpt,fr,continued,1e6,0,9e7,1e4,2e9,0,2e9,1e18,3,1,b1\n";
  const DataFile file = read(text);
  REQUIRE(file.points.size() == 2);
  CHECK(file.points[0].params == 91010000);
  CHECK(file.points[0].loss == 3.25);
  CHECK(file.points[1].stage == Stage::kContinued);
  CHECK(file.clusters == std::vector<std::string>{"a1", "b1"});
  CHECK_THAT(file.notes[0], has_text("end_of_schedule=1 and language=fr"));
  DataFileOptions options;
  options.where = {"strategy=source"};
  CHECK(read(text, options).points.size() == 1);
}

TEST_CASE("A choice is said though the usual columns are taken") {
  const DataFile file = read("N,D,loss,val_loss\n1e8,2e9,2.5,3\n");
  CHECK(file.points[0].loss == 3);
  CHECK_THAT(file.notes.at(0), has_text("loss = 'val_loss' (also there: loss)"));
}

TEST_CASE("A cell that is no number is named where its column is called like a role") {
  CHECK_THROWS_WITH(read("params,tokens,loss\n40MM,2e9,3\n50MM,2e9,3\n"),
                    has_text("line 2: column 'params' is '40MM'"));
  CHECK_THROWS_WITH(read("N,tokens,loss\n1e8,two,3\n2e8,four,3\n"),
                    has_text("line 2: column 'tokens' is 'two'"));
  CHECK_THROWS_WITH(read("N,D,loss\n1e8,2e9,3\n2e8,2e9,OOM\n"),
                    has_text("line 3") && has_text("--where 'loss!=OOM'"));
  CHECK_THROWS_WITH(read("N,D,val_loss,val_loss\n1e8,2e9,3,3\n"),
                    has_text("the 3. and the 4.") && has_text("another name"));
}

TEST_CASE("Bytes are no count, and steps and sequences are said to be no tokens") {
  CHECK_THROWS_WITH(read("model size (MB),D,loss\n80,2e9,3\n160,4e9,2.9\n"),
                    has_text("is in bytes") && has_text("precision"));
  CHECK_THROWS_WITH(read("N,dataset_size_gb,loss\n1e8,8,3\n2e8,16,2.9\n"),
                    has_text("is in bytes") && has_text("tokenizer"));
  CHECK_THROWS_WITH(read("N,sequences,loss\n1e8,1e6,3\n"),
                    has_text("--tokens 'sequences' --tokens-unit 2048"));
}

TEST_CASE("A lone letter gives way to a name where its numbers are none of the role") {
  const DataFile seeds = read("n,n_params,tokens,loss\n2,1e8,2e9,3\n2,3e8,4e9,2.9\n");
  CHECK(seeds.used.params == "n_params");
  CHECK_THAT(seeds.notes.at(0), has_text("N = 'n_params' ('n' goes from 2 to 2)"));
  const DataFile width = read("D,N,tokens,loss\n768,1e8,2e9,3\n1024,3e8,4e9,2.9\n");
  CHECK(width.used.tokens == "tokens");
  // Where no other could be meant, and where it is in order, it stays.
  CHECK(read("N,D,loss\n1e8,2e9,3\n").used.params == "N");
  CHECK(read("N,n_params,D,loss\n1e8,2e8,2e9,3\n").used.params == "N");
  DataFileOptions options;
  options.params_unit = "M";
  CHECK(read("N,n_params,D,loss\n100,2e8,2e9,3\n", options).used.params == "N");
}

TEST_CASE("Planned tokens give way to those that the rows of an N differ in") {
  std::string text = "params,total_tokens,tokens_so_far,loss\n";
  for (const char* row :
       {"1e8,2e10,1e9,3.4", "1e8,2e10,4e9,3.2", "3e8,6e10,2e9,3.1", "3e8,6e10,9e9,2.9"}) {
    text += std::string(row) + "\n";
  }
  const DataFile file = read(text.c_str());
  CHECK(file.used.tokens == "tokens_so_far");
  CHECK_THAT(file.notes.at(0), has_text("'total_tokens' is the same for all rows of an N"));
}

TEST_CASE("A ratio of who knows what gives way to compute") {
  const char* text = "params,ratio,flops,loss\n1e8,4,1.2e18,3\n2e8,4,4.8e18,2.9\n";
  CHECK(read(text).points[0].tokens == Approx(2e9));
  CHECK(read("params,ratio,loss\n1e8,20,3\n").points[0].tokens == 2e9);
}

TEST_CASE("A teacher's size is no number of trillions") {
  DataFileOptions options;
  options.params = "params_t";
  CHECK(read("params_s,params_t,tokens,loss\n1e8,7e9,2e9,3\n", options).points[0].params == 7e9);
}
