//! What is kept of forwards, as whoever starts a machine or watches over it meets it.

use crate::core::operations::{Job, Stop};
use crate::core::{Error, Result};
use crate::hypervisor;
use crate::model::{EventType, Forward, KeptForward, NewEvent, Severity, Vm, VmId};
use crate::store::Writer;
use serde_json::json;

/// Makes a machine's forwards at its start. One whose port somebody else took meanwhile is no
/// reason not to start: the machine runs without it, and it is shown as such.
pub(in crate::core::vms) async fn apply(job: &Job, vm: &Vm) -> std::result::Result<(), Stop> {
    let (uuid, id) = (vm.uuid, vm.id);
    let kept = job.core().read(move |reader| Ok(reader.forwards_of(id)?)).await?;
    for KeptForward { forward, problem, .. } in kept {
        let problem_now = match job
            .call("forward a port", move |it| it.forward(uuid, forward))
            .await
        {
            Ok(()) => None,
            Err(Stop::Failed(Error::Hypervisor(hypervisor::Error::Conflict(_)))) => Some(taken(forward)),
            Err(stop) => return Err(stop),
        };
        if let Some(problem) = &problem_now {
            let before = job.take_remark().map(|it| format!("{it}; ")).unwrap_or_default();
            job.remark(format!("{before}{forward}: {problem}"));
        }
        if problem_now != problem {
            job.write(move |writer| note_problem(writer, id, forward, problem_now.as_deref()))
                .await?;
        }
    }
    Ok(())
}

/// Why a forward that is kept does not work now.
pub(in crate::core) fn taken(forward: Forward) -> String {
    format!(
        "another program of this host has port {}; the forward works again when it is free",
        forward.host
    )
}

/// Writes down what keeps a forward from working, if it is still wanted; what begins is an event.
pub(in crate::core) fn note_problem(
    writer: &Writer<'_>,
    vm: VmId,
    forward: Forward,
    problem: Option<&str>,
) -> Result<()> {
    let kept = writer.forwards_of(vm)?;
    let Some(was) = kept.iter().find(|it| it.forward == forward) else {
        return Ok(());
    };
    writer.set_forward_problem(vm, forward, problem)?;
    match (problem, &was.problem, writer.vm(vm)?) {
        (Some(problem), None, Some(row)) => {
            let sentence = format!("{forward} does not lead to {}: {problem}", row.name);
            log(
                writer,
                vm,
                ("vm.forward.failed", Severity::Warning),
                &sentence,
                forward,
            )
        }
        _ => Ok(()),
    }
}

/// Writes down what became of a forward.
pub(super) fn log(
    writer: &Writer<'_>,
    vm: VmId,
    (action, severity): (&'static str, Severity),
    sentence: &str,
    forward: Forward,
) -> Result<()> {
    let details = json!({
        "protocol": forward.protocol.as_str(), "host_port": forward.host, "guest_port": forward.guest,
    });
    let event = NewEvent::new(EventType::Vm, severity, action, sentence);
    writer.append_event(&event.vm(vm).details(details))?;
    Ok(())
}
