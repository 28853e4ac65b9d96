// OpenAI's responses. Its requests are read, classified and held; answers pass as they come.
#include "shaper/dialect/dialect.h"

namespace tasklane {

constinit const DialectRow openai_responses_row{
    .dialect = Dialect::openai_responses,
    .name = "openai_responses",
    .path = "responses",
    .prompt = PromptPlace::input,
    .tasks_unasked = true,
};

}  // namespace tasklane
