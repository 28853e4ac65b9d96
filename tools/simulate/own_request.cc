#include "tools/simulate/own_request.h"

#include <utility>

#include "tools/simulate/wire.h"

namespace tasklane::simulate {

OwnRequest::OwnRequest(Around around, RequestId id, const ServerKey& server,
                       std::shared_ptr<const KeptChat> chat, sim::Work work, std::function<void()> gone)
    : around_(around), id_(id), gone_(std::move(gone)) {
  around_.desk.enter(id_, *this);
  const Time begun = around_.world.now();
  work.answer = {"one"};
  running_ = around_.server.submit(
      std::move(work), {{}, [this, begun, server, chat = std::move(chat)](const sim::Usage& usage) {
                          const Time at = around_.world.now();
                          around_.rewarming.answered(server, *chat,
                                                     figures_of(usage, around_.server.flavour()), at - begun);
                          around_.desk.finished(id_, nullptr, at);
                          end();
                        }});
}

void OwnRequest::on_cancel() {
  around_.server.close(running_);
  end();
}

void OwnRequest::end() {
  around_.desk.leave(id_);
  around_.world.after(Duration::zero(), gone_);
}

}  // namespace tasklane::simulate
