#include "apps/terminal/progress_line.h"

#include <sstream>

#include "tests/support/catch.h"

using crosslaw::apps::ProgressLine;

TEST_CASE("Where a line cannot be rewritten there is one at first, and then seldom") {
  std::ostringstream out;
  int asked = 0;
  {
    ProgressLine progress(out);
    for (int done = 0; done < 50; ++done) {
      progress.show(done, [&] {
        ++asked;
        return "done " + std::to_string(done);
      });
    }
    progress.say("a message");
  }
  CHECK(asked == 1);
  CHECK(out.str() == "done 0\na message\n");
}
